<?php

declare(strict_types=1);

namespace Acme\Guestbook;

/** The entries, in one SQLite file. */
final class Book
{
    private \PDO $database;

    public function __construct(string $folder)
    {
        $this->database = new \PDO('sqlite:'.$folder.'/book.db', options: [\PDO::ATTR_TIMEOUT => 2]);
        $this->database->exec('PRAGMA journal_mode = WAL');
        $this->database->exec(
            'CREATE TABLE IF NOT EXISTS entries (
                id INTEGER PRIMARY KEY, name TEXT NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL
            ) STRICT'
        );
    }

    public function write(string $name, string $text): int
    {
        $query = $this->database->prepare('INSERT INTO entries (name, text, at) VALUES (?, ?, ?)');
        $query->execute([$name, $text, time()]);

        return (int) $this->database->lastInsertId();
    }

    public function remove(int $id): bool
    {
        $query = $this->database->prepare('DELETE FROM entries WHERE id = ?');
        $query->execute([$id]);

        return $query->rowCount() === 1;
    }

    public function count(): int
    {
        return (int) $this->database->query('SELECT count(*) FROM entries')->fetchColumn();
    }

    /** @return list<array{id: int, name: string, text: string, at: int}> the newest first */
    public function newest(int $count): array
    {
        $query = $this->database->prepare('SELECT id, name, text, at FROM entries ORDER BY id DESC LIMIT ?');
        $query->execute([$count]);

        return $query->fetchAll(\PDO::FETCH_ASSOC);
    }
}
