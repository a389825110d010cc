// The only source of the targets that precompile headers for test programs (programs.cmake).
