from __future__ import annotations

import pytest
from eth_account import Account as Oracle
from eth_account._utils.legacy_transactions import Transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.proofs import rlp
from gateway_evm.transaction import Account, Fee, contract_address

KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")


def test_the_address_of_a_well_known_key() -> None:
    assert Account(KEY).address.hex() == "f39fd6e51aad88f6f4ce6ab8827279cfffb92266"


@settings(max_examples=60)
@given(
    st.binary(min_size=32, max_size=32).filter(lambda key: 0 < int.from_bytes(key, "big") < 2**255),
    st.integers(1, 2**40),
    st.integers(0, 2**40),
    st.integers(0, 2**60),
    st.none() | st.integers(0, 2**60),
    st.binary(min_size=20, max_size=20),
    st.binary(max_size=200),
    st.integers(0, 2**70),
)
def test_transactions_are_those_of_another_library(
    key: bytes, chain: int, nonce: int, most: int, tip: int | None, to: bytes, data: bytes, value: int
) -> None:
    account = Account(key)
    fee = Fee(most, tip)
    made = account.sign(chain=chain, nonce=nonce, fee=fee, gas=21000 + nonce, to=to, data=data, value=value)
    asked = {"chainId": chain, "nonce": nonce, "gas": 21000 + nonce, "to": to, "data": data, "value": value}
    asked |= {"gasPrice": most} if tip is None else {"maxFeePerGas": most, "maxPriorityFeePerGas": tip}
    theirs = Oracle.sign_transaction(asked, key)
    assert made.raw == bytes(theirs.raw_transaction)
    assert made.hash == bytes(theirs.hash)
    assert Oracle.recover_transaction(made.raw).lower() == "0x" + account.address.hex()


def test_a_transaction_that_makes_a_contract() -> None:
    made = Account(KEY).sign(chain=1, nonce=0, fee=Fee(1), gas=10**6, to=b"", data=b"code")
    fields = rlp.items(rlp.decode(made.raw))
    assert fields[3] == b""
    assert Transaction.from_bytes(made.raw).to == b""
    # the first contract of anvil's first account, wherever it runs
    assert contract_address(Account(KEY).address, 0).hex() == "5fbdb2315678afecb367f032d93f642f64180aa3"


@pytest.mark.parametrize("key", [b"", b"k" * 31, bytes(32), b"\xff" * 32])
def test_what_is_no_key_is_refused(key: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        Account(key)
    assert caught.value.code == "evm.bad-key"
