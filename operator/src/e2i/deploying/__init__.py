"""Deploy models from Python.

from e2i.deploying import run_deployment

result = await run_deployment({
    "experiment_id": "exp-123",
    "model_uri": "mlflow://models/churn_model/1",
    "target_environment": "staging",
    "resources": {"cpu": "2", "memory": "4Gi"},
})
"""

from e2i.deploying.deployer import rehearse_deployment, run_deployment
from e2i.deploying.errors import (
    ClusterRefused,
    ClusterUnreachable,
    DeadlineExceeded,
    DeploymentError,
    Forbidden,
    InvalidRequest,
    ManagedElsewhere,
    Mistake,
    ModelNotFound,
    PackagingRefused,
    PushFailed,
    ReleaseFailed,
    Running,
)
from e2i.deploying.outcome import Deployed
from e2i.deploying.request import DeploymentRequest, Resources

__all__ = [
    "ClusterRefused",
    "ClusterUnreachable",
    "DeadlineExceeded",
    "Deployed",
    "DeploymentError",
    "DeploymentRequest",
    "Forbidden",
    "InvalidRequest",
    "ManagedElsewhere",
    "Mistake",
    "ModelNotFound",
    "PackagingRefused",
    "PushFailed",
    "ReleaseFailed",
    "Resources",
    "Running",
    "rehearse_deployment",
    "run_deployment",
]
