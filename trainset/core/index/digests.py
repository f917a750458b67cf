"""What records know of the bytes of an item, in SQL."""

from __future__ import annotations

_READ = "SELECT media FROM {table} m JOIN file f ON f.id=m.file WHERE f.present AND m.item=i.id AND media IS NOT NULL"
_OF_ALL = " UNION ".join(_READ.format(table=table) for table in ("outcome", "decision"))
KNOWN = f"coalesce(i.media, (SELECT CASE WHEN count(*)=1 THEN min(media) END FROM ({_OF_ALL})))"
"""The digest of the bytes of `item i`: its own, else the one that all models and people read; NULL where there is none."""
