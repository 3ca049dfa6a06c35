"""Ack ids: one for each delivery, rising in the order in which deliveries go out."""

import secrets

from embedded.broker.encoding import ACK_ID_LENGTH

_ENDS = tuple(f"{number:03x}" for number in range(0x1000))


class AckIds:
    """The ids of one subscription. They do not come again after a restart, nor elsewhere."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(4)
        self._digits = ACK_ID_LENGTH - len(self._prefix)
        self._given = 0

    def take(self, count: int) -> list[str]:
        """The next `count`, each of `ACK_ID_LENGTH` characters.

        A thousand deliveries share the digits in front: to format each id would be a tenth of what
        a delivery costs.
        """
        ids: list[str] = []
        while len(ids) < count:
            front, low = divmod(self._given + len(ids), len(_ENDS))
            stem = f"{self._prefix}{front:0{self._digits - 3}x}"
            ids += [stem + end for end in _ENDS[low : low + count - len(ids)]]
        self._given += count
        return ids
