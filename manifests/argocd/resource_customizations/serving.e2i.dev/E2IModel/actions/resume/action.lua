if obj.metadata.annotations ~= nil then
  obj.metadata.annotations["serving.e2i.dev/paused"] = nil
end
return obj
