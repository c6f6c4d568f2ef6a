obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["serving.e2i.dev/paused"] = "true"
return obj
