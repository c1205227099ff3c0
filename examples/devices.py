"""Lists the devices of the CPU plugin."""

import ryft_pjrt as pjrt

plugin = pjrt.load_cpu_plugin()
with plugin.client() as client:
    print(f"platform: {client.platform_name} {client.platform_version}")
    print(f"PJRT API: {plugin.version}")
    for device in client.addressable_devices:
        print(f"device {device.id}: {device.kind}")
