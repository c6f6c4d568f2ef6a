"""The node of a local cluster: it runs the containers of pods as processes of this user.

It keeps the promises of a kubelet and of kube-proxy that the API can show: env, probes, restarts with
back-off, hooks, grace periods, exit codes, logs, exec, port-forward, resource metrics, Service addresses.
It does not show:

- isolation: no namespaces, no resource limits, no security context, no network policy; processes see the
  machine's files, users and network, and SIGTERM has its default effect (a real PID 1 may ignore it);
- mount points: without a mount namespace a volume mounted at /etc/app lies at $(E2I_MOUNTS)/etc/app;
- the pod's own address space: a process must listen on $(E2I_POD_ADDRESS) (a loopback address that stands
  for the pod's address); two pods that listen on 0.0.0.0 get in each other's way;
- cluster DNS, NodePorts, session affinity, attach; persistent volumes; gRPC probes;
- a process that leaves its session and its parent and wipes its environment: it is not found any more;
- a pod's activeDeadlineSeconds; changes of a running pod's images or resources, of its mounted Secrets and
  ConfigMaps.
"""
