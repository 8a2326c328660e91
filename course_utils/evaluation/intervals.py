"""How far a share that was counted in a sample can be trusted."""

from statistics import NormalDist

from ..arithmetic.sizes import whole_number
from .given import finite


def wilson_interval(successes, trials, confidence=0.95):
    """An interval for the share behind so many successes in so many trials, such as right answers among test images.

    Of 100 such intervals from 100 samples, about 95 hold the true share. It stays between 0 and 1 and does not shrink
    to a point when all trials succeed, as the share plus and minus two standard errors does.

    Parameters
    ----------
    successes : int or float
        From 0 to ``trials``. Halves, such as ties that count half, are allowed.
    trials : int
        At least 1, and independent of one another.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    tuple of float
        (low, high).

    Raises
    ------
    ValueError
        There are no trials, or more successes than trials, or the confidence is not between 0 and 1.
    TypeError
        Trials are no whole number.

    Notes
    -----
    Wilson (1927), "Probable inference, the law of succession, and statistical inference". Taught in chapter 12, Input
    masking.

    Examples
    --------
    >>> low, high = wilson_interval(18, 20)
    >>> round(low, 2), round(high, 2)
    (0.7, 0.97)
    """
    trials, successes = whole_number("trials", trials, at_least=1), float(finite("successes", successes))
    if not 0 <= successes <= trials:
        raise ValueError(f"successes is {successes} of {trials} trials; expected a number from 0 to {trials}.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; expected a number between 0 and 1, such as 0.95.")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / trials
    middle = share + z**2 / (2 * trials)
    reach = z * (share * (1 - share) / trials + z**2 / (4 * trials**2)) ** 0.5
    scale = 1 + z**2 / trials
    # Rounding may carry the ends of 0 and of all past 0 and 1 by a last digit.
    return max(0.0, float((middle - reach) / scale)), min(1.0, float((middle + reach) / scale))
