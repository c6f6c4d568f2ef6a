"""The program that the builder Job runs: download a bento's archive, then make a local image of it.

It replaces the downloader script and kaniko of the real builder. A local image is the unpacked bento, a virtual
environment with the bento's own locked requirements, and a description for the node agent.
"""


class BuildError(Exception):
    """The step failed; the text says what is wrong and what to do next."""
