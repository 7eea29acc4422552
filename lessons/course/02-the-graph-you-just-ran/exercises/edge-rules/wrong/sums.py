# hint: adds
def rules(slopes):
    return [lambda arriving, slope=slope: arriving + slope for slope in slopes]
