import pytest

from e2i.local.node.addresses import AddressPool


def test_no_two_pods_have_one_address_and_none_comes_back_soon() -> None:
    pool = AddressPool("10.97.0.0/29")
    assert [pool.take("a"), pool.take("b")] == ["10.97.0.2", "10.97.0.3"]
    pool.release("a")
    assert [pool.take("c"), pool.take("d"), pool.take("e"), pool.take("f")] == [
        "10.97.0.4",
        "10.97.0.5",
        "10.97.0.6",
        "10.97.0.2",
    ]


def test_a_pod_keeps_the_address_it_had_unless_somebody_else_has_it() -> None:
    pool = AddressPool("10.97.0.0/24")
    assert pool.take("a", "10.97.0.9") == "10.97.0.9"
    assert pool.take("a", "10.97.0.9") == "10.97.0.9"
    assert pool.take("b", "10.97.0.9") == "10.97.0.2"
    assert pool.take("c", "127.0.0.1") == "10.97.0.3"


def test_a_full_range_says_so() -> None:
    pool = AddressPool("10.97.0.0/30")
    pool.take("a")
    with pytest.raises(RuntimeError, match="all 1 pod addresses are in use"):
        pool.take("b")
