"""Pages for a browser, each one file that carries everything: no network, no server, no script out of data.

Untrusted text reaches a page as packed data or as escaped text, never as markup.
"""
