"""Settings for all tests."""

from hypothesis import HealthCheck, settings

# Examples take as long as a busy machine makes them take: no test asserts a time.
settings.register_profile("spikeloom", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("spikeloom")
