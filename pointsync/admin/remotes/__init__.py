"""System › Points Sync.: this site's keys and its remotes."""
