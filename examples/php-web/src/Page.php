<?php

declare(strict_types=1);

namespace Acme\Guestbook;

use Acme\Escaping\Html;

/** What a browser is shown. */
final class Page
{
    /** @param list<array{id: int, name: string, text: string, at: int}> $entries */
    public static function of(string $title, array $entries): string
    {
        $title = Html::text($title);
        $shown = implode("\n", array_map(self::entry(...), $entries));

        return <<<HTML
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <title>{$title}</title>
            <link rel="stylesheet" href="/style.css">
            <h1>{$title}</h1>
            <form method="post" action="/entries">
            <input name="name" required maxlength="80" placeholder="Your name">
            <textarea name="text" required maxlength="2000"></textarea>
            <button>Sign</button>
            </form>
            {$shown}
            </html>

            HTML;
    }

    /** @param array{id: int, name: string, text: string, at: int} $entry */
    private static function entry(array $entry): string
    {
        $at = gmdate('Y-m-d', $entry['at']);

        return "<article id=\"entry-{$entry['id']}\"><h2>".Html::text($entry['name'])
            ." <time>{$at}</time></h2>".Html::paragraphs($entry['text']).'</article>';
    }
}
