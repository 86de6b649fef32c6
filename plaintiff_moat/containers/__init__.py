"""Archives, workbooks and parquet files: the text in a delivered container, in bounded memory, or a clear refusal."""

from plaintiff_moat.containers.kinds import content_stem
from plaintiff_moat.containers.limits import Limits
from plaintiff_moat.containers.unpack import Content, unpacked

__all__ = ["Content", "Limits", "content_stem", "unpacked"]
