// The panel works without any of this: scripts only add comfort. Each part finds its elements by data attributes.
import { startCopying } from "./copy.js";
import { startDialogs } from "./dialog.js";
import { startFolding } from "./disclosure.js";
import { startLive } from "./live_refresh.js";
import { startPicking } from "./select_all.js";
import { startPopovers } from "./popover.js";
import { startSharingKeys } from "./sharing_key.js";
import { reveal } from "./scripted.js";
import { startTabs } from "./tabs.js";

reveal(document);
startTabs();
startFolding();
startPopovers();
startCopying();
startDialogs();
startPicking();
startSharingKeys();
startLive();
