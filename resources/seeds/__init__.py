"""Where seeds come from: files, functions of a package, the inbox."""
