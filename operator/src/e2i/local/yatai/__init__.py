"""A stand-in for Yatai's two controllers, for clusters where the real ones cannot run.

It turns the same objects into the same objects, faults included, as recorded from yatai-deployment 1.1.21
and yatai-image-builder 1.2.56: being kinder than they are would hide what users meet later. What it does
alike and what it leaves out is listed in docs/reference/yatai-stand-in.md.
"""
