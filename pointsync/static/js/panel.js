// The panel works without any of this: scripts only add comfort. Each part finds its elements by data attributes.
import { startCopying } from "./copy.js";
import { startDialogs } from "./dialog.js";
import { startFolding } from "./fold.js";
import { startLive } from "./live.js";
import { startPicking } from "./pick.js";
import { startPopovers } from "./popover.js";
import { startSharingKeys } from "./sharing_key.js";
import { reveal } from "./reveal.js";
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
