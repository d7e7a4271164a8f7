-- sqlite3 weaving.db < weaving.sql
CREATE TABLE weaves (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    family TEXT NOT NULL,
    shafts INTEGER NOT NULL, -- fewest shafts of a loom that can weave it
    description TEXT NOT NULL
);
INSERT INTO weaves VALUES
    (1, 'tabby', 'plain', 2, 'Each weft thread passes over one warp thread and under the next. The oldest weave, and the firmest.'),
    (2, 'basket', 'plain', 2, 'Tabby with two or more threads working as one.'),
    (3, 'rep', 'plain', 2, 'Tabby in which one set of threads hides the other and leaves ribs.'),
    (4, 'tapestry', 'plain', 2, 'A weft-faced tabby whose coloured wefts turn back where the picture changes.'),
    (5, '2/2 twill', 'twill', 4, 'Over two, under two, each row one thread further: a diagonal on both sides.'),
    (6, '3/1 twill', 'twill', 4, 'Three quarters of the warp lies on the face.'),
    (7, 'herringbone', 'twill', 4, 'A twill whose direction turns at regular distances.'),
    (8, 'birds-eye', 'twill', 4, 'A twill turned both ways, so that small diamonds with a dot appear.'),
    (9, 'satin', 'satin', 5, 'Long warp floats, bound where the eye does not find it.'),
    (10, 'sateen', 'satin', 5, 'Satin with the weft on the face.'),
    (11, 'damask', 'satin', 10, 'Satin against sateen: a pattern made by light alone.'),
    (12, 'waffle', 'fancy', 4, 'Floats of growing length draw the cloth into cells.'),
    (13, 'leno', 'fancy', 2, 'Warp threads cross each other between wefts: open, and yet it does not slip.'),
    (14, 'velvet', 'pile', 4, 'A second warp stands up in loops, which are cut.'),
    (15, 'terry', 'pile', 4, 'A slack second warp is beaten up into loops that stay uncut.');
CREATE TABLE fibres (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('plant', 'animal')),
    origin TEXT NOT NULL
);
INSERT INTO fibres VALUES
    (1, 'cotton', 'plant', 'the hairs of the seed'),
    (2, 'linen', 'plant', 'the stem of flax'),
    (3, 'hemp', 'plant', 'the stem of hemp'),
    (4, 'wool', 'animal', 'the fleece of sheep'),
    (5, 'cashmere', 'animal', 'the undercoat of goats'),
    (6, 'silk', 'animal', 'the cocoon of the silk moth');
CREATE TABLE fabrics (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    weave_id INTEGER NOT NULL REFERENCES weaves (id),
    fibre_id INTEGER NOT NULL REFERENCES fibres (id),
    named_after TEXT NOT NULL -- a town, a land, or what it looks like
);
INSERT INTO fabrics VALUES
    (1, 'denim', 6, 1, 'Nîmes'),
    (2, 'calico', 1, 1, 'Calicut'),
    (3, 'muslin', 1, 1, 'Mosul'),
    (4, 'cambric', 1, 2, 'Cambrai'),
    (5, 'table damask', 11, 2, 'Damascus'),
    (6, 'pashmina', 5, 5, 'the Persian word for wool'),
    (7, 'tweed', 7, 4, 'the Scots word for twill'),
    (8, 'canvas', 1, 3, 'hemp itself, cannabis'),
    (9, 'satin', 9, 6, 'Zaitun, which is Quanzhou'),
    (10, 'towelling', 15, 1, 'what it is for'),
    (11, 'oxford', 2, 1, 'Oxford'),
    (12, 'Gobelin', 4, 4, 'the Gobelins of Paris');
CREATE VIEW cloth AS
    SELECT fabrics.name AS fabric, weaves.name AS weave, fibres.name AS fibre, named_after
    FROM fabrics JOIN weaves ON weaves.id = weave_id JOIN fibres ON fibres.id = fibre_id;
