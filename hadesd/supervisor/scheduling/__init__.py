"""Which queued run starts next and on which GPUs; what NVML says of them.
The scheduler is pure; `nvml` and `gpu_pool` look at the machine."""
