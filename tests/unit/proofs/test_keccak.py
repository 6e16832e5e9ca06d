from __future__ import annotations

from gateway.proofs.keccak import EMPTY, keccak256


def test_digests_published_for_ethereum() -> None:
    assert keccak256(b"") == EMPTY == bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
    assert keccak256(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
    assert keccak256(b"transfer(address,uint256)")[:4].hex() == "a9059cbb"


def test_any_buffer_gives_the_digest_of_its_bytes() -> None:
    data = bytes(range(200))
    assert keccak256(bytearray(data)) == keccak256(memoryview(data)) == keccak256(data)
