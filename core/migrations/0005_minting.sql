-- The last number given out for each pattern of a prefix. Numbers are never given twice; those of a failed request are lost.
CREATE TABLE mint_sequence (
    prefix text COLLATE "C" NOT NULL REFERENCES prefix,
    pattern text COLLATE "C" NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (prefix, pattern)
);
