"""What a process that runs V8 gives up before any program is in it: files, network, other processes."""
