"""A real HTTP server on loopback that speaks OpenAI's chat completions, answers by schema and injects faults.

Run it with `python -m tests.fake_endpoint --port 0`; once ready it prints one line of JSON with its `url`. Every answer
is a function of the request's body and the server's seed, so that a run can be repeated byte by byte. The parameter
`seed` of a request is part of its body: children that share a prompt differ by it.
"""
