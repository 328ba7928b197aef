"""System › Shops: WordPress shops that are connected by a code."""
