"""What counts as a pinned dependency."""

from __future__ import annotations

import pytest

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.pins import differences, locked_versions, parse_pins

PYTHON_311 = {"python_full_version": "3.11.7", "python_version": "3.11", "sys_platform": "linux"}


def pins(text: str) -> dict[str, str]:
    return {pin.name: pin.version for pin in parse_pins(text, "requirements.txt", PYTHON_311)}


def test_a_pin_has_its_normal_name_and_its_version() -> None:
    assert pins("Scikit_Learn==1.9.1\n") == {"scikit-learn": "1.9.1"}


def test_comments_hashes_and_continued_lines_are_read_over() -> None:
    hashes = f"--hash=sha256:{'0' * 64} \\\n    --hash=sha256:{'1' * 64}"
    text = f"# why\nnumpy==2.4.6 \\\n    {hashes}\nscipy==1.17.1  # both\n"
    assert pins(text) == {"numpy": "2.4.6", "scipy": "1.17.1"}


def test_a_pin_for_another_python_does_not_hold_here() -> None:
    text = 'numpy==2.4.6 ; python_full_version < "3.12"\nnumpy==2.5.5 ; python_full_version >= "3.12"\n'
    assert pins(text) == {"numpy": "2.4.6"}


def test_extras_may_be_pinned() -> None:
    assert pins("uvicorn[standard]==0.30.0") == {"uvicorn": "0.30.0"}


@pytest.mark.parametrize(
    ("line", "named"),
    [
        pytest.param("pandas", "'pandas'", id="no version"),
        pytest.param("pandas>=2", "'pandas>=2'", id="a range"),
        pytest.param("pandas==2.*", "'pandas==2.*'", id="a wildcard"),
        pytest.param("pandas~=2.1", "'pandas~=2.1'", id="a compatible release"),
        pytest.param("pandas==2.1,<3", "'pandas==2.1,<3'", id="more than one condition"),
        pytest.param("mine @ git+https://example.org/mine.git", "example.org", id="a repository"),
        pytest.param("git+https://example.org/mine.git", "git+https", id="a repository without a name"),
        pytest.param("-r other.txt", "'-r other.txt'", id="another file"),
        pytest.param("-e .", "'-e .'", id="a folder under development"),
        pytest.param("--index-url https://example.org/simple", "--index-url", id="an index"),
        pytest.param("numpy==2.4.6\nnumpy==2.5.5", "twice", id="two versions"),
    ],
)
def test_what_may_be_another_version_tomorrow_is_refused(line: str, named: str) -> None:
    with pytest.raises(PackagingError) as refused:
        pins(line)
    assert refused.value.reason is ErrorReason.DependencyNotPinned
    assert named in refused.value.message


def test_a_lock_is_read_with_its_hashes() -> None:
    lock = f"# Locked\nnumpy==2.4.6 \\\n    --hash=sha256:{'0' * 64}\nuvicorn[standard]==0.30.0\n"
    assert locked_versions(lock) == {"numpy": "2.4.6", "uvicorn": "0.30.0"}


def test_only_packages_that_both_name_can_differ() -> None:
    assert differences({"numpy": "1", "scipy": "1"}, {"numpy": "2", "pandas": "3"}) == ["numpy 1, not 2"]
