def rules(slopes):
    """One function for each slope: it multiplies what arrives by that slope."""
    ### BEGIN SOLUTION
    def rule(slope):
        return lambda arriving: arriving * slope

    return [rule(slope) for slope in slopes]
    ### FADED
    # def rule(slope):
    #     return lambda arriving: ____
    #
    # return [____ for slope in slopes]
    ### END SOLUTION
