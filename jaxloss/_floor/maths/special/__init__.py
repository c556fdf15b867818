"""Special functions to the last digits of the dtype: the normal distribution and Bessel functions. Private."""
