"""WordPress shops: connected by a one-use code, the plugin that they install, and what it reports."""
