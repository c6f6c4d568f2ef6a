"""The node of a local cluster: it runs the containers of pods as processes of this user.

It does what a kubelet and kube-proxy do, as far as the API shows it: env, probes, restarts with back-off, hooks,
grace periods, exit codes, logs, exec, port-forward, resource metrics, Service addresses. It does not offer:

- isolation: no namespaces, no security context, no network policy; processes see the machine's files, users and
  network, and SIGTERM has its default effect (a real PID 1 may ignore it);
- resource limits other than a container's memory (memory.py), which it may pass for a moment;
- mount points: there is no mount namespace, so a volume mounted at /etc/app is at $(E2I_MOUNTS)/etc/app;
- a network namespace: a process must listen on $(E2I_POD_ADDRESS), a loopback address that stands for the pod's
  address; two pods that listen on 0.0.0.0 collide;
- cluster DNS, NodePorts, session affinity, attach; persistent volumes; gRPC probes;
- control of a process that leaves its session and its parent and clears its environment: it is not found any more;
- a pod's activeDeadlineSeconds; changes of a running pod's images or resources, or of its mounted Secrets and
  ConfigMaps.
"""
