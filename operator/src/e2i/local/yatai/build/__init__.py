"""The program that the builder Job runs: download a bento's archive, then make a local image of it.

It stands where the real builder has a downloader script and kaniko. An image here is the unpacked bento, a
virtual environment with the bento's own locked requirements, and a description for the node agent.
"""


class BuildError(Exception):
    """The step cannot be done; the text says what is wrong and what to do next."""
