"""Client of the Kubernetes API server, shared by the operator, the local cluster and the commands.

Objects go in and out as plain dictionaries in the API's JSON form: the typed models of the `kubernetes`
package cost 80 MiB of memory and buy nothing where every object is turned into a small value at once.
The package's asynchronous client does authentication, TLS and connection pooling.
"""

from e2i.kube.client import Kube
from e2i.kube.connection import SERVICE_ACCOUNT_DIR
from e2i.kube.errors import ApiError, KubeconfigError
from e2i.kube.exchange import Response
from e2i.kube.kinds import Object, Resource
from e2i.kube.watching import Change, Changed, Failed, Listed, News, Quiet, Snapshot

__all__ = [
    "SERVICE_ACCOUNT_DIR",
    "ApiError",
    "Change",
    "Changed",
    "Failed",
    "Kube",
    "KubeconfigError",
    "Listed",
    "News",
    "Object",
    "Quiet",
    "Resource",
    "Response",
    "Snapshot",
]
