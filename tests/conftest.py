"""Settings for all tests."""

import signal

from hypothesis import HealthCheck, settings

# What is started in the background ignores Ctrl-C, and so would the programs that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Examples take as long as a busy machine makes them take: no test asserts a time.
settings.register_profile("spikeloom", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("spikeloom")
