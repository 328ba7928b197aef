// The panel works without scripts; they only add convenience. Each script finds its elements by data attributes.
import { startCopyButtons } from "./copy.js";
import { startDialogs } from "./dialog.js";
import { startGroups } from "./disclosure.js";
import { startHookPreviews } from "./hook_preview.js";
import { startLiveRefresh } from "./live_refresh.js";
import { startManualSearch } from "./manual_search.js";
import { startSelectAll } from "./select_all.js";
import { startPopovers } from "./popover.js";
import { startSharingKeys } from "./sharing_key.js";
import { showScripted } from "./scripted.js";
import { scrollToTab } from "./tabs.js";
import { startTimesLeft } from "./time_left.js";

showScripted(document);
scrollToTab();
startGroups();
startPopovers();
startCopyButtons();
startDialogs();
startManualSearch();
startSelectAll();
startSharingKeys();
startHookPreviews();
startLiveRefresh();
startTimesLeft();
