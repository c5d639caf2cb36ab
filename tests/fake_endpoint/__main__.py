"""The server's command line."""

from tests.fake_endpoint.server import main

if __name__ == "__main__":
    main()
