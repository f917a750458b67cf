"""One file a command or small family: parse, call, print."""
