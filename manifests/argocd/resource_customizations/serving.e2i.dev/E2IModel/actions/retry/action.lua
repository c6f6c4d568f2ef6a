local os = require("os")
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["serving.e2i.dev/retry-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
