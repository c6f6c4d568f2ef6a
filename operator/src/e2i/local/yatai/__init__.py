"""A stand-in for Yatai's two controllers, for clusters where the real ones cannot run.

It makes the same objects from the same objects, faults included, as recorded from yatai-deployment 1.1.21 and
yatai-image-builder 1.2.56: a stand-in without their faults would hide problems that users meet later.
docs/reference/yatai-stand-in.md lists what it does and what it leaves out.
"""
