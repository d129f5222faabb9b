"""The numpy front end: arrays whose functions and operators are judged and run on a device."""
