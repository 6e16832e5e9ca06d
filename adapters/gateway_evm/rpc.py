"""JSON-RPC over HTTP to one node: kept connections, many calls a request, nothing believed about the answer's form.

Source: JSON-RPC 2.0; https://ethereum.github.io/execution-apis/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
import orjson

from gateway.errors import GatewayError, Transient, fault

__all__ = ["BAD_ANSWER", "REFUSED", "UNREACHABLE", "NodeError", "Rpc", "data_of", "fields_of", "number_of", "shown"]

UNREACHABLE = fault(
    "evm.unreachable",
    "The node does not answer.",
    "Look whether it runs and whether `url` names its JSON-RPC port; it is asked again by itself.",
)
BAD_ANSWER = fault(
    "evm.bad-answer",
    "The node's answer does not have the form that Ethereum's JSON-RPC asks for.",
    "Look whether `url` names an Ethereum node's JSON-RPC port, and not a proxy's error page; it is asked again.",
)
REFUSED = fault(
    "evm.refused",
    "The node refuses a call.",
    "The node's own words stand in the detail; a call that it does not know needs another node or version.",
)

METHOD_NOT_FOUND: Final = -32601


class NodeError(msgspec.Struct, frozen=True):
    """The node's own error in answer to one call of a request."""

    code: int
    message: str
    data: str = ""

    @property
    def unknown_method(self) -> bool:
        """Whether the node does not know the method (nodes differ in how they say it)."""
        text = self.message.lower()
        return self.code == METHOD_NOT_FOUND or "method not found" in text or "not supported" in text

    def raised(self, method: str, kind: type[GatewayError] = Transient) -> GatewayError:
        """The error as one of ours."""
        return kind(REFUSED, f"{method}: {self.message[:300]} ({self.code})")


Call = tuple[str, Sequence[Any]]


class Rpc:
    """A client of one node. Opened by its first call; `aclose` ends its connections."""

    def __init__(self, url: str, *, timeout: float, most: int, batch: int) -> None:
        self._url: Final = url
        self._timeout: Final = aiohttp.ClientTimeout(total=timeout)
        self._most: Final = most
        self._batch: Final = batch
        self._session: aiohttp.ClientSession | None = None
        self._next = 0
        self._closed = False

    @property
    def where(self) -> str:
        """The node's address without a name or password in it."""
        return shown(self._url)

    async def aclose(self) -> None:
        """Ends every call that waits; none can be made afterwards."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(self, method: str, *params: Any) -> Any:
        """The result of one call. Raises Transient where the node does not answer in due form or answers an error."""
        (result,) = await self.many([(method, params)])
        if isinstance(result, NodeError):
            raise result.raised(method)
        return result

    async def all(self, calls: Sequence[Call]) -> list[Any]:
        """The results of several calls, in their order. Raises Transient where one of them is an error."""
        results = await self.many(calls)
        for (method, _), result in zip(calls, results, strict=True):
            if isinstance(result, NodeError):
                raise result.raised(method)
        return results

    async def many(self, calls: Sequence[Call]) -> list[Any]:
        """Result or NodeError of each call, in their order. Raises Transient where there is no answer in due form."""
        results: list[Any] = []
        for start in range(0, len(calls), self._batch):
            results += await self._request(calls[start : start + self._batch])
        return results

    async def _request(self, calls: Sequence[Call]) -> list[Any]:
        first = self._next
        self._next += len(calls)
        asked = [
            {"jsonrpc": "2.0", "id": first + index, "method": method, "params": list(params)}
            for index, (method, params) in enumerate(calls)
        ]
        answer = await self._post(orjson.dumps(asked[0] if len(asked) == 1 else asked))
        return _in_order(answer, first, len(calls), self.where)

    async def _post(self, body: bytes) -> Any:
        if self._closed:
            raise Transient(UNREACHABLE, "the connection was closed", where=self.where)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                headers={"Content-Type": "application/json"},
                connector=aiohttp.TCPConnector(limit=32, keepalive_timeout=60),
                auto_decompress=True,
            )
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as response:
                data = await self._body(response)
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            told = str(error).replace(self._url, self.where) or type(error).__name__
            raise Transient(UNREACHABLE, told, where=self.where) from error
        except RuntimeError as error:  # aiohttp's word for a session that was closed while it was used
            if not self._closed:
                raise
            raise Transient(UNREACHABLE, "the connection was closed", where=self.where) from error
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise Transient(BAD_ANSWER, f"HTTP {status}, and no JSON", where=self.where) from error

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > self._most:
                raise Transient(BAD_ANSWER, f"more than {self._most} bytes", where=self.where)
            parts.append(part)
        return b"".join(parts)


def _in_order(answer: Any, first: int, count: int, where: str) -> list[Any]:
    if isinstance(answer, dict):
        if count > 1:
            # a node that refuses the whole request answers with one error
            raise Transient(REFUSED, f"{_error(answer.get('error'), where).message[:300]}", where=where)
        answer = [answer]
    if not isinstance(answer, list) or len(answer) != count:
        raise Transient(BAD_ANSWER, "not as many answers as calls", where=where)
    results: list[Any] = [_MISSING] * count
    for each in answer:
        index = each.get("id") if isinstance(each, dict) else None
        if type(index) is not int or not 0 <= index - first < count or results[index - first] is not _MISSING:
            raise Transient(BAD_ANSWER, "an answer to no call, or a second one", where=where)
        if each.get("error") is not None:
            results[index - first] = _error(each["error"], where)
        elif "result" in each:
            results[index - first] = each["result"]
        else:
            raise Transient(BAD_ANSWER, "neither result nor error", where=where)
    return results


_MISSING: Final = object()


def _error(error: Any, where: str) -> NodeError:
    if not isinstance(error, dict) or type(error.get("code")) is not int or not isinstance(error.get("message"), str):
        raise Transient(BAD_ANSWER, "an error without code or message", where=where)
    data = error.get("data")
    return NodeError(error["code"], error["message"], data if isinstance(data, str) else "")


def shown(url: str) -> str:
    """An address without name, password and query, for messages."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


# ── Values in answers ────────────────────────────────────────────────────────────────────────────────────────────


def number_of(value: Any, what: str) -> int:
    """A quantity, `0x…`, of at most 32 bytes. Raises Transient."""
    if isinstance(value, str) and value.startswith("0x") and 2 < len(value) <= 66 and value[2:].isalnum():
        try:
            return int(value, 16)
        except ValueError:
            pass
    raise Transient(BAD_ANSWER, f"{what} is not a number")


def data_of(value: Any, what: str, size: int | None = None) -> bytes:
    """Data, `0x…`, of `size` bytes where that is given. Raises Transient."""
    if isinstance(value, str) and value.startswith("0x"):
        try:
            made = bytes.fromhex(value[2:])
        except ValueError:
            made = None
        # fromhex passes over blanks; an answer in due form has none
        if made is not None and 2 * len(made) + 2 == len(value) and (size is None or len(made) == size):
            return made
    raise Transient(BAD_ANSWER, f"{what} is not data" + (f" of {size} bytes" if size is not None else ""))


def fields_of(value: Any, what: str) -> Mapping[str, Any]:
    """An object. Raises Transient."""
    if isinstance(value, dict):
        return value
    raise Transient(BAD_ANSWER, f"{what} is not an object")
