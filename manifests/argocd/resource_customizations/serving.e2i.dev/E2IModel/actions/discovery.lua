-- The actions of an E2IModel: each sets or removes the annotation that the same command of `kubectl e2i` does.

local annotations = obj.metadata.annotations or {}
local status = obj.status or {}
local isPaused = annotations["serving.e2i.dev/paused"] == "true"

local function isQuarantined()
  for _, failed in ipairs(status.failedReleases or {}) do
    if failed.release == status.desiredRelease then
      return true
    end
  end
  return false
end

local function isCanaryInPause()
  if status.rollout == nil then
    return false
  end
  local steps = (obj.spec.rollout or {}).steps or {}
  local step = steps[(status.rollout.step or 0) + 1] or {}
  return step.pause ~= nil
end

local actions = {}
actions["retry"] = {
  ["disabled"] = not isQuarantined(),
  ["displayName"] = "Retry the failed release",
  ["iconClass"] = "fa fa-fw fa-redo"
}
actions["promote"] = {
  ["disabled"] = not isCanaryInPause(),
  ["displayName"] = "Promote the canary",
  ["iconClass"] = "fa fa-fw fa-forward"
}
actions["pause"] = {
  ["disabled"] = isPaused,
  ["displayName"] = "Pause the rollout",
  ["iconClass"] = "fa fa-fw fa-pause"
}
actions["resume"] = {
  ["disabled"] = not isPaused,
  ["displayName"] = "Resume the rollout",
  ["iconClass"] = "fa fa-fw fa-play"
}
return actions
