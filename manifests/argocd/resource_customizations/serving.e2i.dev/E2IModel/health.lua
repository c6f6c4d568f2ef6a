-- Health of an E2IModel, from the conditions that the operator writes: the message is the operator's own.

local PAUSED = "serving.e2i.dev/paused"
local RESTART = "serving.e2i.dev/restart-at"
-- The operator shortens a longer value, so it cannot be compared with the status.
local LONGEST_RESTART = 64

local annotations = obj.metadata.annotations or {}
local status = obj.status or {}

local function health(word, message)
  return {status = word, message = message}
end

local function condition(kind)
  for _, each in ipairs(status.conditions or {}) do
    if each.type == kind then
      return each
    end
  end
  return nil
end

-- A restart is asked for by an annotation, which does not change the generation.
local function isObserved()
  local restart = annotations[RESTART] or ""
  if #restart <= LONGEST_RESTART and restart ~= (status.observedRestartAt or "") then
    return false
  end
  return status.observedGeneration == obj.metadata.generation
end

-- A pause without a duration ends when a person promotes the canary.
local function awaitsPromotion()
  local steps = (obj.spec.rollout or {}).steps or {}
  local step = steps[((status.rollout or {}).step or 0) + 1] or {}
  return step.pause ~= nil and step.pause.duration == nil
end

local ready, stalled = condition("Ready"), condition("Stalled")
if ready == nil or not isObserved() then
  return health("Progressing", "the operator has not seen this version of the model yet")
end

local message = ready.reason .. ": " .. ready.message
if ready.reason == "Suspended" then
  return health("Suspended", message)
end
if stalled ~= nil and stalled.status == "True" then
  return health("Degraded", message)
end
if ready.reason == "Paused" or (ready.reason == "CanaryPaused" and awaitsPromotion()) then
  return health("Suspended", message)
end
if ready.status ~= "True" then
  return health("Progressing", message)
end
if annotations[PAUSED] == "true" then
  return health("Suspended", message .. "; the annotation " .. PAUSED .. " will hold the next release")
end
return health("Healthy", message)
