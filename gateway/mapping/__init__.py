"""Native ↔ common: mappings as data, compiled once; what is set aside and what is lost is always named.

library = MappingLibrary.shipped()
translation = library.by_format("register-sandbox").to_common(native)
rendition = library.by_format("register-evm").to_native([translation.records[0].record])
"""

from __future__ import annotations

from gateway.mapping.library import MappingLibrary
from gateway.mapping.mapping import Mapping
from gateway.mapping.outcome import Loss, MappingRef, Rendition, Translated, Translation, losses_document

__all__ = [
    "Loss",
    "Mapping",
    "MappingLibrary",
    "MappingRef",
    "Rendition",
    "Translated",
    "Translation",
    "losses_document",
]
