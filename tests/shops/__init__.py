"""The WordPress plugin's classes that need no WordPress, run by a real `php`."""
