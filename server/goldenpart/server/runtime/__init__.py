"""What keeps the device busy and the promises kept: admission, batching, the device executor, the cache of loaded revisions."""
