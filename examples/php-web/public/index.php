<?php

declare(strict_types=1);

use Acme\Guestbook\Book;
use Acme\Guestbook\Page;

require __DIR__.'/../vendor/autoload.php';

$env = static fn (string $name, string $default): string => getenv($name) ?: $default;
$answer = static function (int $status, string $body, string $type = 'text/html'): never {
    http_response_code($status);
    header("Content-Type: {$type}; charset=utf-8");
    header('X-Content-Type-Options: nosniff');
    header("Content-Security-Policy: default-src 'self'");
    echo $body;
    exit;
};

$method = $_SERVER['REQUEST_METHOD'];
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$book = new Book($env('DATA_DIR', '/data'));

if ([$method, $path] === ['GET', '/healthz']) {
    $answer(200, json_encode(['status' => 'ok', 'entries' => $book->count()]), 'application/json');
}
if ([$method, $path] === ['GET', '/']) {
    $answer(200, Page::of($env('TITLE', 'Guest book'), $book->newest(50)));
}
if ([$method, $path] === ['POST', '/entries']) {
    $name = trim((string) ($_POST['name'] ?? ''));
    $text = trim((string) ($_POST['text'] ?? ''));
    if ($name === '' || $text === '' || mb_strlen($name) > 80 || mb_strlen($text) > 2000) {
        $answer(422, 'A name and a text, please.', 'text/plain');
    }
    $id = $book->write($name, $text);
    header("Location: /#entry-{$id}");
    $answer(303, '');
}
if ($method === 'DELETE' && preg_match('~^/entries/(\d{1,18})$~', (string) $path, $found)) {
    $key = trim((string) @file_get_contents($env('MODERATION_KEY_FILE', '/run/secrets/moderation-key')));
    $given = preg_replace('/^Bearer /', '', $_SERVER['HTTP_AUTHORIZATION'] ?? '');
    if (strlen($key) < 16 || !hash_equals($key, (string) $given)) {
        $answer(403, 'Moderators only.', 'text/plain');
    }
    $answer($book->remove((int) $found[1]) ? 204 : 404, '');
}
$answer(404, 'Nothing here.', 'text/plain');
