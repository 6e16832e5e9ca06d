"""What gas costs on a network now."""

from __future__ import annotations

import msgspec

from gateway_evm.node import Node, hexed
from gateway_evm.rpc import NodeError, fields_of, number_of
from gateway_evm.transaction import Fee

__all__ = ["Prices", "prices"]

TIP = 1_000_000_000
"""Wei offered to a block's maker where the node suggests nothing."""


class Prices(msgspec.Struct, frozen=True):
    """What to offer, the base fee of the newest block (0 where there is none), and that block's gas limit."""

    fee: Fee
    base: int
    block_gas: int


async def prices(node: Node, account: bytes) -> Prices:
    """What `account` is to offer, by the settings. Raises Transient.

    Twice the base fee and the suggested tip leaves room for six full blocks in a row (EIP-1559: an eighth a block).
    """
    block_answer, tip_answer, price_answer, balance = await node.rpc.many(
        [
            ("eth_getBlockByNumber", ("latest", False)),
            ("eth_maxPriorityFeePerGas", ()),
            ("eth_gasPrice", ()),
            ("eth_getBalance", (hexed(account), "latest")),
        ]
    )
    if isinstance(block_answer, NodeError):
        raise block_answer.raised("eth_getBlockByNumber")
    block = fields_of(block_answer, "block")
    block_gas = number_of(block.get("gasLimit"), "block.gasLimit")
    base_field = block.get("baseFeePerGas")
    base = 0 if base_field is None else number_of(base_field, "block.baseFeePerGas")
    price = 0 if isinstance(price_answer, NodeError) else number_of(price_answer, "gas price")
    poor = not isinstance(balance, NodeError) and number_of(balance, "balance") == 0
    if node.settings.gas_price != "auto":
        fee = Fee(int(node.settings.gas_price))
    elif base_field is None:
        fee = Fee(price)
    elif base == 0 and (price == 0 or poor):
        fee = Fee(0, 0)  # gas is free here, whatever the node suggests to those who have funds
    else:
        tip = TIP if isinstance(tip_answer, NodeError) else number_of(tip_answer, "priority fee")
        fee = Fee(2 * base + tip, tip)
    return Prices(fee, base, block_gas)
