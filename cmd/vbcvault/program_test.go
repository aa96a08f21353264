package main

// Main is the program. The test binary runs it when it is started under the
// program's name, which saves a link and keeps everything else a process has:
// signals, exit codes, SIGKILL.
var Main = main
