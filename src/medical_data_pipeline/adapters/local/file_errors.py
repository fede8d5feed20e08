"""What the operating system says of a file operation, as our errors."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from medical_data_pipeline.errors import BackendUnavailable, InvalidObjectRef, ObjectNotFound, StorageFull

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
NO_SUCH_KEY = frozenset({errno.ENAMETOOLONG, errno.EISDIR, errno.EILSEQ, errno.ELOOP})


@contextmanager
def translated_os_errors() -> Iterator[None]:
    """The message never holds the path: it is one of this machine and may name a person."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise StorageFull("there is no room left on the volume") from None
        if error.errno in NO_SUCH_KEY:
            raise InvalidObjectRef("this store cannot hold such a key") from None
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise ObjectNotFound("no object has this key") from None
        name = errno.errorcode.get(error.errno or 0, "an error")
        raise BackendUnavailable(f"the volume answered {name}") from None
