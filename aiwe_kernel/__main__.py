"""`python -m aiwe_kernel -f CONNECTION_FILE`: what Jupyter starts for a notebook."""

from ipykernel.kernelapp import IPKernelApp

from aiwe_kernel.kernel import AiweKernel

IPKernelApp.launch_instance(kernel_class=AiweKernel)
