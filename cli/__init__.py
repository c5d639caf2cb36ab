"""The `evergrow` command: arguments in, words, tables and exit codes out. What it does is done by the layers below."""
