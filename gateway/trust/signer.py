"""What signs. The gateway asks a `Signer` and never sees where the private key is kept."""

from __future__ import annotations

from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.errors import TrustError, fault

__all__ = ["Ed25519Signer", "Signer"]

NOT_A_KEY = fault(
    "signer.not-a-key", "The bytes are not an Ed25519 private key.", "Give the 32 bytes of RFC 8032's seed."
)


class Signer(Protocol):
    """One private key, for signing only.

    algorithm  ``Ed25519`` here; names the form of `public` and of a signature
    public     the public key, 32 raw bytes for Ed25519
    """

    @property
    def algorithm(self) -> str: ...

    @property
    def public(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`: 64 bytes R ‖ S (RFC 8032), the same for the same message."""
        ...


class Ed25519Signer:
    """A signer that holds its key in memory. `private` is RFC 8032's seed, 32 bytes. Raises TrustError otherwise."""

    __slots__ = ("public", "sign")
    algorithm: Final = "Ed25519"

    def __init__(self, private: bytes) -> None:
        if len(private) != 32:
            raise TrustError(NOT_A_KEY, f"{len(private)} bytes instead of 32")
        key = Ed25519PrivateKey.from_private_bytes(private)
        self.public: bytes = key.public_key().public_bytes_raw()
        self.sign = key.sign

    @classmethod
    def generate(cls) -> Ed25519Signer:
        """A signer with a new random key that is kept nowhere else."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    def __repr__(self) -> str:
        return f"Ed25519Signer(public={self.public.hex()})"
